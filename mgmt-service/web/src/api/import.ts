// Sends a file to products:import and hands its verdicts on as they come. By XMLHttpRequest, because only that tells how
// much of the file has been sent; verdicts begin when all of it is.
import { ApiError, errorFrom } from './client';
import { LineSplitter } from './lines';
import type { ImportTotals, ImportVerdict } from './types';

export type ImportLine = { kind: 'verdict'; verdict: ImportVerdict } | { kind: 'summary'; totals: ImportTotals };

const kVerdicts = new Set(['created', 'updated', 'unchanged', 'rejected']);

// One line of the answer. Throws on anything that is neither a verdict nor the summary.
export function parseImportLine(line: string): ImportLine {
  const value = JSON.parse(line) as Partial<ImportVerdict> & { summary?: ImportTotals };
  if (value.summary) return { kind: 'summary', totals: value.summary };
  if (typeof value.row !== 'number' || !kVerdicts.has(value.verdict ?? '')) throw new Error(`not a verdict: ${line.slice(0, 80)}`);
  return { kind: 'verdict', verdict: value as ImportVerdict };
}

// What has come so far. Every rejected row is kept up to kKept, of the others the first kKept each, so that a file of a
// million rows does not fill the page's memory.
export const kKept = 2000;
export class ImportTally {
  rows = 0;
  readonly counts = { created: 0, updated: 0, unchanged: 0, rejected: 0 };
  readonly reasons: Record<string, number> = {};
  readonly kept: Record<ImportVerdict['verdict'], ImportVerdict[]> = { created: [], updated: [], unchanged: [], rejected: [] };
  totals: ImportTotals | null = null;

  add(line: ImportLine) {
    if (line.kind === 'summary') {
      this.totals = line.totals;
      return;
    }
    const v = line.verdict;
    this.rows += 1;
    this.counts[v.verdict] += 1;
    if (v.verdict === 'rejected') this.reasons[v.reason ?? 'other'] = (this.reasons[v.reason ?? 'other'] ?? 0) + 1;
    if (this.kept[v.verdict].length < kKept) this.kept[v.verdict].push(v);
  }
  // An answer that ends without its summary was cut off.
  get complete(): boolean {
    return this.totals !== null;
  }
}

export function contentTypeOf(name: string): string {
  return /\.(jsonl|ndjson|json)$/i.test(name) ? 'application/x-ndjson' : 'text/csv';
}

export interface ImportOptions {
  url: string;
  file: File;
  csrf: string;
  onSent: (fraction: number) => void;
  onProgress: (tally: ImportTally) => void;
}

export function sendImport(o: ImportOptions): { done: Promise<ImportTally>; abort: () => void } {
  const request = new XMLHttpRequest();
  const done = new Promise<ImportTally>((resolve, reject) => {
    const tally = new ImportTally();
    const lines = new LineSplitter();
    let seen = 0;
    const take = (last: boolean) => {
      const piece = request.responseText.slice(seen);
      seen += piece.length;
      for (const line of [...lines.push(piece), ...(last ? lines.end() : [])]) if (line) tally.add(parseImportLine(line));
      o.onProgress(tally);
    };
    const guarded = (last: boolean) => {
      if (request.status !== 200) return;
      try { take(last); } catch (e) { request.abort(); reject(e instanceof Error ? e : new Error(String(e))); }
    };
    request.open('POST', o.url);
    request.setRequestHeader('Content-Type', contentTypeOf(o.file.name));
    request.setRequestHeader('X-CSRF-Token', o.csrf);
    request.upload.onprogress = (e) => { if (e.lengthComputable) o.onSent(e.loaded / e.total); };
    request.onprogress = () => guarded(false);
    request.onload = () => {
      if (request.status !== 200) return reject(errorFrom(request.status, request.responseText));
      guarded(true);
      return tally.complete ? resolve(tally) : reject(new ApiError(0, null, 'cut off'));
    };
    request.onerror = () => reject(new ApiError(0, null, 'offline'));
    request.onabort = () => reject(new ApiError(0, null, 'aborted'));
    request.send(o.file);
  });
  return { done, abort: () => request.abort() };
}
