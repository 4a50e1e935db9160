// The audit page offers what the service writes: its list, the format's page and the sources say the same.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { actions } from '../src/lib/actions.ts';
import { en } from '../src/lib/words_en.ts';

const service = join(import.meta.dirname, '..', '..');
const offered = Object.values(actions).flat();

function described() {
  const page = readFileSync(join(service, '..', 'docs', 'formats', 'audit-log.md'), 'utf8');
  const rows = page.slice(page.indexOf('## Words')).split('\n').filter((line) => line.startsWith('| ') && !line.startsWith("| broker's own log"));
  return rows.flatMap((row) => [...row.matchAll(/`([a-z]+\.[a-z_]+)`/g)].map((m) => m[1]));
}
// Texts of the form "noun.verb" in the service's sources whose noun is one of ours, and the steps of a change.
function written() {
  const found = new Set();
  const nouns = new Set(Object.keys(actions));
  for (const part of ['core', 'auth', 'http']) {
    for (const file of readdirSync(join(service, part)).filter((f) => f.endsWith('.cpp'))) {
      const text = readFileSync(join(service, part, file), 'utf8');
      for (const [, noun, verb] of text.matchAll(/"([a-z]+)\.([a-z_]+)"/g)) if (nouns.has(noun)) found.add(`${noun}.${verb}`);
    }
  }
  const model = readFileSync(join(service, 'core', 'model.cpp'), 'utf8');
  const steps = /kChangeActionNames\[kChangeActions\] = \{([^}]*)\}/.exec(model)[1];
  for (const [, step] of steps.matchAll(/"(\w+)"/g)) if (step !== 'finish') found.add(`change.${step}`);
  return [...found];
}

describe('the audit page', () => {
  it('offers every action that docs/formats/audit-log.md lists, and no other', () => {
    expect(described().length).toBeGreaterThan(30);
    expect([...offered].sort()).toEqual(described().sort());
  });
  it('offers every action that the sources write', () => {
    expect(written().length).toBeGreaterThan(25);
    expect(written().filter((action) => !offered.includes(action))).toEqual([]);
  });
  it('has a word for each of them and for each kind', () => {
    const words = en;
    expect(offered.filter((action) => !words[`act_${action.replace('.', '_')}`])).toEqual([]);
    expect(Object.keys(actions).filter((kind) => !words[`audit_kind_${kind}`])).toEqual([]);
  });
});
