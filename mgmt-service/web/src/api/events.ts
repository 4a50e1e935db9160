// Server-Sent Events over fetch: unlike EventSource it can go on from `Last-Event-ID` after a refused reconnect, says
// when it is connected, and stops on a 401. Reconnects after 0.5 s, 1 s, 2 s … at most 15 s, and at once after a good one.
import { LineSplitter } from './lines';

export interface SseEvent { id: string | null; event: string; data: string }

// Sans I/O: pieces of text in, whole events out (WHATWG HTML 9.2.6).
export class SseParser {
  private lines = new LineSplitter();
  private event = '';
  private data: string[] = [];
  private id: string | null = null;

  push(piece: string): SseEvent[] {
    const out: SseEvent[] = [];
    for (const line of this.lines.push(piece)) {
      if (line === '') {
        if (this.data.length) out.push({ id: this.id, event: this.event || 'message', data: this.data.join('\n') });
        this.event = '';
        this.data = [];
      } else if (!line.startsWith(':')) {
        this.field(line);
      }
    }
    return out;
  }
  private field(line: string) {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.event = value;
    else if (name === 'data') this.data.push(value);
    else if (name === 'id' && !value.includes('\0')) this.id = value;
  }
}

export type LiveState = 'connecting' | 'live' | 'lost';
export interface EventSourceOptions {
  url: string;
  fetch: typeof fetch;
  onEvent: (event: SseEvent) => void;
  onState: (state: LiveState) => void;
  onSignedOut?: () => void;
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export function backoff(attempt: number): number {
  return Math.min(15000, 500 * 2 ** Math.max(0, attempt - 1));
}
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', () => { clearTimeout(timer); done(); }, { once: true });
  });
}

// Returns how to close it.
export function openEvents(options: EventSourceOptions): () => void {
  const control = new AbortController();
  void run(options, control.signal);
  return () => control.abort();
}

async function run(o: EventSourceOptions, signal: AbortSignal) {
  let lastId: string | null = null;
  let failures = 0;
  while (!signal.aborted) {
    o.onState(failures === 0 ? 'connecting' : 'lost');
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream' };
      if (lastId !== null) headers['Last-Event-ID'] = lastId;
      const response = await o.fetch(o.url, { headers, signal, credentials: 'same-origin', cache: 'no-store' });
      if (response.status === 401) { o.onSignedOut?.(); return; }
      if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`);
      o.onState('live');
      failures = 0;
      await readAll(response.body, (event) => {
        if (event.id !== null) lastId = event.id;
        o.onEvent(event);
      });
    } catch {
      // Told by onState below; the cause (network, proxy, restart) does not change what to do.
    }
    if (signal.aborted) return;
    failures += 1;
    o.onState('lost');
    await (o.wait ?? sleep)(backoff(failures), signal);
  }
}

async function readAll(body: ReadableStream<Uint8Array>, each: (event: SseEvent) => void) {
  const parser = new SseParser();
  const text = new TextDecoder();
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parser.push(text.decode(value, { stream: true })).forEach(each);
  }
}
