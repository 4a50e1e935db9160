// The calls of ../../openapi.yaml that the page makes. Every failure is an ApiError; a request that did not reach the
// service has status 0. A 401 outside of login is told to `onSignedOut` once and thrown.
import type * as T from './types';

export class ApiError extends Error {
  readonly status: number;
  readonly problem: T.Problem | null;
  constructor(status: number, problem: T.Problem | null, text: string) {
    super(text);
    this.status = status;
    this.problem = problem;
  }
  // "invalid", "not-found" …; empty when the answer was no problem document.
  get code(): string {
    return this.problem?.type.replace(/^urn:shelfwire:problem:/, '') ?? '';
  }
}

export interface Transport {
  fetch: typeof fetch;
  base?: string;
  onSignedOut?: () => void;
}
export type Query = Record<string, string | number | boolean | null | undefined>;

export function queryString(query: Query = {}): string {
  const pairs = Object.entries(query).filter(([, v]) => v !== null && v !== undefined && v !== '');
  return pairs.length ? `?${pairs.map(([k, v]) => `${k}=${encodeURIComponent(String(v))}`).join('&')}` : '';
}
const seg = encodeURIComponent;

export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

export function errorFrom(status: number, body: string): ApiError {
  try {
    const problem = JSON.parse(body) as T.Problem;
    const first = problem.errors?.[0];
    const whole = problem.detail ?? problem.title;
    const text = !first ? whole : whole.includes(first.detail) ? first.detail : `${whole} (${first.where}: ${first.detail})`;
    return new ApiError(status, problem, text);
  } catch {
    return new ApiError(status, null, `HTTP ${status}`);
  }
}

export function createClient(transport: Transport) {
  const base = transport.base ?? '/api/v1';
  let csrf = '';

  async function send(method: string, path: string, body?: unknown, extra: Record<string, string> = {}): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'application/json', ...extra };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (method !== 'GET') headers['X-CSRF-Token'] = csrf;
    let response: Response;
    try {
      response = await transport.fetch(base + path, {
        method, headers, credentials: 'same-origin', body: body === undefined ? undefined : JSON.stringify(body),
      });
    } catch {
      throw new ApiError(0, null, 'offline');
    }
    if (!response.ok) {
      if (response.status === 401 && path !== '/auth/login') transport.onSignedOut?.();
      throw errorFrom(response.status, await response.text());
    }
    return response;
  }
  async function json<R>(method: string, path: string, body?: unknown, extra?: Record<string, string>): Promise<R> {
    return (await (await send(method, path, body, extra)).json()) as R;
  }
  const get = <R>(path: string, query?: Query) => json<R>('GET', path + queryString(query));
  const items = async <R>(path: string, query?: Query) => (await get<{ items: R[] }>(path, query)).items;
  const keep = (session: T.Session) => {
    csrf = session.csrf_token;
    return session;
  };

  return {
    base,
    csrf: () => csrf,
    login: async (user: string, password: string) => keep(await json<T.Session>('POST', '/auth/login', { user, password })),
    logout: async () => { await send('POST', '/auth/logout'); },
    me: async () => keep(await get<T.Session>('/auth/me')),

    users: () => items<T.User>('/users'),
    createUser: (user: { name: string; role: T.Role; password: string; stores: string[] }) => json<T.User>('POST', '/users', user),
    updateUser: (name: string, patch: Partial<{ role: T.Role; password: string; disabled: boolean; stores: string[] }>) =>
      json<T.User>('PATCH', `/users/${seg(name)}`, patch),
    tokens: () => items<T.Token>('/tokens'),
    createToken: (token: { name: string; role: T.Role }) => json<T.TokenWithSecret>('POST', '/tokens', token),
    revokeToken: async (id: string) => { await send('DELETE', `/tokens/${seg(id)}`); },

    stores: () => items<T.Store>('/stores'),
    putStore: (id: string, store: { name: string; currency: string; locale: string }) =>
      json<T.Store>('PUT', `/stores/${seg(id)}`, store),
    aps: (store?: string) => items<T.Ap>('/aps', { store }),
    updateAp: (id: string, patch: { store?: string | null; name?: string }) => json<T.Ap>('PATCH', `/aps/${seg(id)}`, patch),
    permitJoin: async (id: string, seconds: number) => { await send('POST', `/aps/${seg(id)}/permit-join`, { seconds }); },

    tags: (query: Query) => get<T.Page<T.Tag>>('/tags', query),
    tag: (id: string) => get<T.Tag>(`/tags/${seg(id)}`),
    bind: (id: string, binding: T.Binding) => json<T.Tag>('PUT', `/tags/${seg(id)}/binding`, binding),
    unbind: (id: string) => json<T.Tag>('DELETE', `/tags/${seg(id)}/binding`),
    led: async (id: string, colour: string, seconds: number) => { await send('POST', `/tags/${seg(id)}/led`, { colour, seconds }); },

    products: (store: string, query: Query) => get<T.Page<T.Product>>(`/stores/${seg(store)}/products`, query),
    product: (store: string, id: string) => get<T.Product>(`/stores/${seg(store)}/products/${seg(id)}`),

    changes: (query: Query) => get<T.Page<T.Change>>('/changes', query),
    change: (id: string) => get<T.ChangeDetail>(`/changes/${seg(id)}`),
    createChange: (store: string, change: T.NewChange, key: string) =>
      json<T.Change>('POST', `/stores/${seg(store)}/changes`, change, { 'Idempotency-Key': key }),
    cancelChange: (id: string) => json<T.Change>('POST', `/changes/${seg(id)}/cancel`),
    changeItems: (id: string, query: Query) => get<T.Page<T.ChangeItem>>(`/changes/${seg(id)}/items`, query),
    submitChange: (id: string, version: number) => json<T.Change>('POST', `/changes/${seg(id)}/submit`, {}, { 'If-Match': `"${version}"` }),
    // `version`: of what was seen.
    decideChange: (id: string, how: 'approve' | 'reject', note: string, version: number) =>
      json<T.Change>('POST', `/changes/${seg(id)}/${how}`, note ? { note } : {}, { 'If-Match': `"${version}"` }),
    // `store`: empty is the chain. `version`: of the rule that was seen.
    approvalRule: (store: string) => get<T.ApprovalRule>(`${store ? `/stores/${seg(store)}` : ''}/approval-rule`),
    putApprovalRule: (store: string, rule: T.ApprovalRuleWrite, version: number) =>
      json<T.ApprovalRule>('PUT', `${store ? `/stores/${seg(store)}` : ''}/approval-rule`, rule, { 'If-Match': `"${version}"` }),
    jobs: (query: Query) => get<T.Page<T.Job>>('/jobs', query),
    job: (id: string) => get<T.Job>(`/jobs/${seg(id)}`),

    audit: (query: Query) => get<{ items: T.AuditEntry[]; next: string | null }>('/audit/entries', query),
    auditProof: (index: number) => get<T.AuditProof>(`/audit/entries/${index}`),
    stats: (store?: string) => get<T.Stats>('/stats', { store }),

    // Addresses of pictures. The image id makes them safe to keep.
    wantedUrl: (tag: T.Tag) => `${base}/tags/${seg(tag.id)}/wanted.png${queryString({ image: tag.desired?.image })}`,
    shownUrl: (tag: T.Tag) => `${base}/tags/${seg(tag.id)}/shown.png${queryString({ image: tag.reported?.image })}`,
    previewUrl: (store: string, product: string, query: { panel: string; price?: number; promo_price?: number; at?: number }) =>
      `${base}/stores/${seg(store)}/products/${seg(product)}/preview.png${queryString(query)}`,
    importUrl: (store: string, dryRun: boolean, title: string) =>
      `${base}/stores/${seg(store)}/products:import${queryString({ dry_run: dryRun, title })}`,
    eventsUrl: (store?: string) => `${base}/events${queryString({ store })}`,
  };
}
export type Client = ReturnType<typeof createClient>;
