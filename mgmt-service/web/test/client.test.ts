import { describe, expect, it } from 'vitest';
import { ApiError, createClient, queryString } from '../src/api/client';

interface Sent { url: string; method: string; headers: Record<string, string>; body: string | undefined }
function clientAnswering(answers: Record<string, [number, unknown]>) {
  const sent: Sent[] = [];
  let signedOut = 0;
  const client = createClient({
    onSignedOut: () => { signedOut++; },
    fetch: (async (url: string, init: RequestInit) => {
      sent.push({ url, method: init.method!, headers: init.headers as Record<string, string>, body: init.body as string | undefined });
      const [status, body] = answers[`${init.method} ${url}`] ?? [404, { type: 'urn:shelfwire:problem:not-found', title: 'Not found', status: 404 }];
      return new Response(status === 204 ? null : JSON.stringify(body), { status });
    }) as unknown as typeof fetch,
  });
  return { client, sent, signedOut: () => signedOut };
}
const session = { user: { name: 'ana' }, csrf_token: 'abc', expires_at: 1, service: { version: '0', now: 0, test_clock: false } };

describe('client', () => {
  it('sends the CSRF token of the session with every write and with no read', async () => {
    const { client, sent } = clientAnswering({ 'GET /api/v1/auth/me': [200, session], 'POST /api/v1/auth/logout': [204, null] });
    await client.me();
    await client.logout();
    expect(sent.map((s) => s.headers['X-CSRF-Token'])).toEqual([undefined, 'abc']);
  });
  it('puts the idempotency key on a new change', async () => {
    const { client, sent } = clientAnswering({ 'POST /api/v1/stores/zagreb-1/changes': [201, { id: 'x' }] });
    await client.createChange('zagreb-1', { items: [{ product: '09008700124195', price: { minor: 229, currency: 'EUR' } }] }, 'key-1');
    expect(sent[0]!.headers['Idempotency-Key']).toBe('key-1');
    expect(JSON.parse(sent[0]!.body!)).toEqual({ items: [{ product: '09008700124195', price: { minor: 229, currency: 'EUR' } }] });
  });
  it('tells what the service refused, and where', async () => {
    const problem = { type: 'urn:shelfwire:problem:invalid', title: 'Invalid', status: 422, detail: '1 item is wrong', errors: [{ where: '/items/0/price', detail: 'negative' }] };
    const { client } = clientAnswering({ 'PUT /api/v1/tags/FFFF92103A07/binding': [422, problem] });
    const error = await client.bind('FFFF92103A07', { store: 's', products: ['1'] }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 422, code: 'invalid', message: '1 item is wrong (/items/0/price: negative)' });
  });
  it('does not say the same twice', async () => {
    const problem = { type: 'urn:shelfwire:problem:invalid', title: 'Invalid', status: 422, detail: '/products/0: no product 1', errors: [{ where: '/products/0', detail: 'no product 1' }] };
    const { client } = clientAnswering({ 'PUT /api/v1/tags/FFFF92103A07/binding': [422, problem] });
    await expect(client.bind('FFFF92103A07', { store: 's', products: ['1'] })).rejects.toThrow(/^no product 1$/);
  });
  it('says signed out on a 401, but not for a wrong password', async () => {
    const refused: [number, unknown] = [401, { type: 'urn:shelfwire:problem:unauthenticated', title: 'Log in', status: 401 }];
    const { client, signedOut } = clientAnswering({ 'POST /api/v1/auth/login': refused, 'GET /api/v1/stores': refused });
    await client.login('ana', 'wrong').catch(() => undefined);
    expect(signedOut()).toBe(0);
    await client.stores().catch(() => undefined);
    expect(signedOut()).toBe(1);
  });
  it('makes an answer that is no problem document into an error all the same', async () => {
    const client = createClient({ fetch: (async () => new Response('<html>bad gateway', { status: 502 })) as unknown as typeof fetch });
    await expect(client.stores()).rejects.toMatchObject({ status: 502, message: 'HTTP 502', code: '' });
  });
  it('makes a connection that failed an error of status 0', async () => {
    const client = createClient({ fetch: (async () => { throw new TypeError('refused'); }) as unknown as typeof fetch });
    await expect(client.stores()).rejects.toMatchObject({ status: 0 });
  });
  it('leaves empty filters out and escapes the others', () => {
    expect(queryString({ store: 'a', q: 'mlijeko 3,2 %', cursor: null, state: '', late: undefined, limit: 0, bound: false })).toBe('?store=a&q=mlijeko%203%2C2%20%25&limit=0&bound=false');
  });
  it('escapes ids in paths', async () => {
    const { client, sent } = clientAnswering({});
    await client.updateAp('GID_esl_ap@@@A/1', {}).catch(() => undefined);
    expect(sent[0]!.url).toBe('/api/v1/aps/GID_esl_ap%40%40%40A%2F1');
  });
});
