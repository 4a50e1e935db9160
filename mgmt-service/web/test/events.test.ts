import { describe, expect, it } from 'vitest';
import { backoff, openEvents, SseParser, type LiveState, type SseEvent } from '../src/api/events';

const wire = ': hello\n\nid: 7\nevent: tag\ndata: {"a":1}\n\ndata: one\ndata: two\r\n\nid: 8\nevent: ap\ndata:x\n\n';
const events: SseEvent[] = [
  { id: '7', event: 'tag', data: '{"a":1}' }, { id: '7', event: 'message', data: 'one\ntwo' }, { id: '8', event: 'ap', data: 'x' },
];

describe('SseParser', () => {
  it('finds the same events however the text is cut', () => {
    for (let cut = 0; cut <= wire.length; cut++) {
      const parser = new SseParser();
      expect([...parser.push(wire.slice(0, cut)), ...parser.push(wire.slice(cut))]).toEqual(events);
    }
  });
  it('gives no event for comments, or before the empty line', () => {
    const parser = new SseParser();
    expect(parser.push(': keep-alive\n\ndata: x\n')).toEqual([]);
    expect(parser.push('\n')).toHaveLength(1);
  });
  it('ignores fields that it does not know', () => {
    expect(new SseParser().push('retry: 10\nwhat\ndata: y\n\n')).toEqual([{ id: null, event: 'message', data: 'y' }]);
  });
});

// A service whose connections behave as told, one after the other; the last ends the test.
function serve(plan: ('refuse' | 'status503' | 'status401' | string)[]) {
  const asked: (string | null)[] = [];
  const waits: number[] = [];
  const states: LiveState[] = [];
  const got: string[] = [];
  let signedOut = 0;
  let close = () => undefined as void;
  const finished = new Promise<void>((done) => {
    const fetchOne = async (_url: string, init: RequestInit) => {
      asked.push((init.headers as Record<string, string>)['Last-Event-ID'] ?? null);
      const step = plan.shift();
      if (step === undefined) { close(); done(); throw new Error('over'); }
      if (step === 'refuse') throw new TypeError('refused');
      if (step === 'status503') return new Response('', { status: 503 });
      if (step === 'status401') { setTimeout(done); return new Response('', { status: 401 }); }
      return new Response(step);
    };
    close = openEvents({
      url: '/events', fetch: fetchOne as unknown as typeof fetch, onEvent: (e) => got.push(e.data), onState: (s) => states.push(s),
      onSignedOut: () => { signedOut++; }, wait: async (ms) => { waits.push(ms); },
    });
  });
  return { finished, asked, waits, states, got, signedOut: () => signedOut };
}

describe('openEvents', () => {
  it('goes on from the last event it has seen', async () => {
    const s = serve(['id: 41\ndata: a\n\nid: 42\ndata: b\n\n', 'id: 43\ndata: c\n\n']);
    await s.finished;
    expect(s.got).toEqual(['a', 'b', 'c']);
    expect(s.asked).toEqual([null, '42', '43']);
  });
  it('does not forget the last event over refused connections', async () => {
    const s = serve(['id: 5\ndata: a\n\n', 'refuse', 'status503', 'data: b\n\n']);
    await s.finished;
    expect(s.asked).toEqual([null, '5', '5', '5', '5']);
    expect(s.got).toEqual(['a', 'b']);
  });
  it('waits longer after each failure and short again after a good connection', async () => {
    const s = serve(['refuse', 'refuse', 'refuse', 'data: x\n\n']);
    await s.finished;
    expect(s.waits).toEqual([500, 1000, 2000, 500]);
  });
  it('says live, then lost', async () => {
    const s = serve(['data: x\n\n']);
    await s.finished;
    expect(s.states.slice(0, 3)).toEqual(['connecting', 'live', 'lost']);
  });
  it('stops when the session has ended', async () => {
    const s = serve(['status401', 'data: never\n\n']);
    await s.finished;
    expect(s.signedOut()).toBe(1);
    expect(s.asked).toHaveLength(1);
  });
  it('never waits longer than 15 s', () => {
    expect([1, 2, 6, 40].map(backoff)).toEqual([500, 1000, 15000, 15000]);
  });
});
