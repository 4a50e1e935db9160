import { describe, expect, it } from 'vitest';
import { checkProof, leafHash, nodeHash, parseCheckpoint, rootFromInclusion, toBase64 } from '../src/lib/merkle';

// The tree as RFC 6962 2.1 defines it, to prove against.
const half = (n: number) => { let k = 1; while (k * 2 < n) k *= 2; return k; };
async function rootOf(leaves: Uint8Array[]): Promise<Uint8Array> {
  if (leaves.length === 1) return leaves[0]!;
  const k = half(leaves.length);
  return nodeHash(await rootOf(leaves.slice(0, k)), await rootOf(leaves.slice(k)));
}
async function pathOf(index: number, leaves: Uint8Array[]): Promise<Uint8Array[]> {
  if (leaves.length === 1) return [];
  const k = half(leaves.length);
  return index < k ? [...await pathOf(index, leaves.slice(0, k)), await rootOf(leaves.slice(k))] : [...await pathOf(index - k, leaves.slice(k)), await rootOf(leaves.slice(0, k))];
}
const leaves = (n: number) => Promise.all(Array.from({ length: n }, (_, i) => leafHash(`entry ${i}`)));

async function signedProof(index: number, size: number) {
  const keys = await crypto.subtle.generateKey({ name: 'Ed25519' }, true, ['sign', 'verify']) as CryptoKeyPair;
  const raw = new Uint8Array(await crypto.subtle.exportKey('raw', keys.publicKey));
  const all = await leaves(size);
  const text = `shelfwire/test\n${size}\n${toBase64(await rootOf(all))}\n`;
  const signature = new Uint8Array(await crypto.subtle.sign({ name: 'Ed25519' }, keys.privateKey, new TextEncoder().encode(text)));
  return {
    entry: { index, at: 0, actor: 'service', action: 'job.displayed', object: 'tag:1' }, canonical: `entry ${index}`, leaf_hash: toBase64(all[index]!), tree_size: size,
    proof: (await pathOf(index, all)).map(toBase64), checkpoint: `${text}\n\u2014 shelfwire/test ${toBase64(Uint8Array.of(1, 2, 3, 4, ...signature))}\n`,
    verifier_key: `shelfwire/test+01020304+${toBase64(Uint8Array.of(1, ...raw))}`,
  };
}

describe('inclusion proof', () => {
  it('leads from every leaf to the root in trees of 1 to 20 entries', async () => {
    for (let size = 1; size <= 20; size++) {
      const all = await leaves(size);
      const root = toBase64(await rootOf(all));
      for (let i = 0; i < size; i++) expect(toBase64((await rootFromInclusion(all[i]!, i, size, await pathOf(i, all)))!)).toBe(root);
    }
  });
  it('with a step too few or too many proves nothing', async () => {
    const all = await leaves(11);
    const root = toBase64(await rootOf(all));
    const path = await pathOf(4, all);
    for (const wrong of [path.slice(1), path.slice(0, -1), [...path, all[0]!]]) {
      const got = await rootFromInclusion(all[4]!, 4, 11, wrong);
      expect(got === null || toBase64(got) !== root).toBe(true);
    }
    expect(await rootFromInclusion(all[4]!, 11, 11, path)).toBeNull();
  });
  it('is good in every step when nothing was altered', async () => {
    expect(await checkProof(await signedProof(6, 13))).toEqual({ leaf: 'good', path: 'good', signature: 'good' });
  });
  it('fails when the entry was altered', async () => {
    const proof = await signedProof(6, 13);
    expect(await checkProof({ ...proof, canonical: 'entry 7' })).toMatchObject({ leaf: 'bad', path: 'bad', signature: 'good' });
  });
  it('fails when the checkpoint was altered', async () => {
    const proof = await signedProof(6, 13);
    expect(await checkProof({ ...proof, checkpoint: proof.checkpoint.replace('/test\n13', '/test\n14') })).toMatchObject({ signature: 'bad' });
  });
  it('fails under another key', async () => {
    const [mine, other] = [await signedProof(2, 5), await signedProof(2, 5)];
    expect(await checkProof({ ...mine, verifier_key: other.verifier_key })).toMatchObject({ leaf: 'good', path: 'good', signature: 'bad' });
  });
  it('needs a checkpoint that is one', () => {
    for (const note of ['', 'a\nb\n', 'origin\n01\nroot\n\n', 'origin\n-1\nroot\n\n']) expect(parseCheckpoint(note)).toBeNull();
  });
});
