import { describe, expect, it } from 'vitest';
import { contentTypeOf, ImportTally, kKept, parseImportLine } from '../src/api/import';
import { LineSplitter } from '../src/api/lines';

const answer = [
  '{"row":1,"verdict":"created","product":"09008700124195"}',
  '{"row":2,"verdict":"rejected","product":null,"reason":"bad_check_digit","detail":"barcode 9008700124196: check digit is 6, should be 5"}',
  '{"row":3,"verdict":"rejected","product":null,"reason":"short_code","detail":"barcode 1007: 4 digits"}',
  '{"row":4,"verdict":"unchanged","product":"09008700145268"}',
  '{"summary":{"rows":4,"created":1,"updated":0,"unchanged":1,"rejected":2,"reasons":{"bad_check_digit":1,"short_code":1},"dry_run":true,"change":null}}',
].join('\n');

function tallyOf(...pieces: string[]): ImportTally {
  const tally = new ImportTally();
  const lines = new LineSplitter();
  for (const piece of pieces) lines.push(piece).forEach((l) => tally.add(parseImportLine(l)));
  lines.end().forEach((l) => tally.add(parseImportLine(l)));
  return tally;
}

describe('import answer', () => {
  it('is the same however it is cut', () => {
    for (let cut = 0; cut <= answer.length; cut++) {
      const tally = tallyOf(answer.slice(0, cut), answer.slice(cut));
      expect(tally.counts).toEqual({ created: 1, updated: 0, unchanged: 1, rejected: 2 });
      expect(tally.reasons).toEqual({ bad_check_digit: 1, short_code: 1 });
      expect(tally.complete).toBe(true);
    }
  });
  it('keeps the row, the reason and the detail of a rejected row', () => {
    expect(tallyOf(answer).kept.rejected[0]).toEqual({ row: 2, verdict: 'rejected', product: null, reason: 'bad_check_digit', detail: 'barcode 9008700124196: check digit is 6, should be 5' });
  });
  it('without its summary was cut off', () => {
    const tally = tallyOf(answer.split('\n').slice(0, 3).join('\n'));
    expect(tally.rows).toBe(3);
    expect(tally.complete).toBe(false);
  });
  it('counts all rows but keeps only so many', () => {
    const tally = new ImportTally();
    for (let row = 1; row <= kKept + 500; row++) tally.add({ kind: 'verdict', verdict: { row, verdict: 'created', product: null } });
    expect(tally.counts.created).toBe(kKept + 500);
    expect(tally.kept.created).toHaveLength(kKept);
  });
  it.each(['nonsense', '{}', '{"row":1}', '{"row":1,"verdict":"eaten","product":null}', '{"row":"1","verdict":"created"}', '{"row":1,"verdict":"toString"}'])('refuses the line %s', (line) => {
    expect(() => parseImportLine(line)).toThrow();
  });
  it('drops the carriage return of a line end', () => {
    expect(new LineSplitter().push('a\r\nb\n')).toEqual(['a', 'b']);
  });
  it('knows JSON lines by the name of the file', () => {
    expect(['p.csv', 'p.TXT', 'p.jsonl', 'p.ndjson'].map(contentTypeOf)).toEqual(['text/csv', 'text/csv', 'application/x-ndjson', 'application/x-ndjson']);
  });
});
