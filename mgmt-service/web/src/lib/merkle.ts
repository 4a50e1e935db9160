// Checks an audit entry's proof in the browser, so that the page need not be believed: RFC 6962 inclusion proof,
// C2SP checkpoint and its Ed25519 signature (signed note). Needs a secure context (https or localhost) for SubtleCrypto.
import type { AuditProof } from '../api/types';

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}
export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
async function sha256(...pieces: Uint8Array[]): Promise<Uint8Array> {
  const all = new Uint8Array(pieces.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const piece of pieces) { all.set(piece, at); at += piece.length; }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', all));
}
export const leafHash = (canonical: string) => sha256(Uint8Array.of(0), new TextEncoder().encode(canonical));
export const nodeHash = (left: Uint8Array, right: Uint8Array) => sha256(Uint8Array.of(1), left, right);

// RFC 9162 2.1.3.2. Null when the proof has the wrong length for this index and size.
export async function rootFromInclusion(leaf: Uint8Array, index: number, size: number, proof: Uint8Array[]): Promise<Uint8Array | null> {
  if (index >= size) return null;
  let fn = BigInt(index);
  let sn = BigInt(size) - 1n;
  let hash = leaf;
  for (const step of proof) {
    if (sn === 0n) return null;
    if ((fn & 1n) === 1n || fn === sn) {
      hash = await nodeHash(step, hash);
      while ((fn & 1n) === 0n && fn !== 0n) { fn >>= 1n; sn >>= 1n; }
    } else {
      hash = await nodeHash(hash, step);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n ? hash : null;
}

export interface Checkpoint { origin: string; size: number; root: string; text: string; signatures: { name: string; blob: Uint8Array }[] }
export function parseCheckpoint(note: string): Checkpoint | null {
  const gap = note.indexOf('\n\n');
  if (gap < 0) return null;
  const text = note.slice(0, gap + 1);
  const [origin, size, root] = text.split('\n');
  if (!origin || !/^(0|[1-9]\d*)$/.test(size ?? '') || !root) return null;
  const signatures: Checkpoint['signatures'] = [];
  for (const line of note.slice(gap + 2).split('\n')) {
    const match = /^\u2014 (\S+) (\S+)$/.exec(line);
    if (match) signatures.push({ name: match[1]!, blob: fromBase64(match[2]!) });
  }
  return { origin, size: Number(size), root, text, signatures };
}

// `verifier`: "<name>+<key id, 8 hex>+<base64 of 01 and the 32 key bytes>".
export async function signedBy(checkpoint: Checkpoint, verifier: string): Promise<boolean> {
  const match = /^(.+?)\+([0-9a-f]{8})\+(.+)$/.exec(verifier);
  if (!match) return false;
  const key = fromBase64(match[3]!);
  if (key[0] !== 1 || key.length !== 33) return false;
  const signature = checkpoint.signatures.find((s) => s.name === match[1] && hex(s.blob.slice(0, 4)) === match[2]);
  if (!signature) return false;
  const imported = await crypto.subtle.importKey('raw', key.slice(1), { name: 'Ed25519' }, false, ['verify']);
  return crypto.subtle.verify({ name: 'Ed25519' }, imported, new Uint8Array(signature.blob.slice(4)), new TextEncoder().encode(checkpoint.text));
}
export const hex = (bytes: Uint8Array) => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

export type StepState = 'good' | 'bad' | 'unable';
export interface ProofCheck { leaf: StepState; path: StepState; signature: StepState }

export async function checkProof(proof: AuditProof): Promise<ProofCheck> {
  const result: ProofCheck = { leaf: 'bad', path: 'bad', signature: 'bad' };
  if (!globalThis.crypto?.subtle) return { leaf: 'unable', path: 'unable', signature: 'unable' };
  const leaf = await leafHash(proof.canonical);
  if (toBase64(leaf) === proof.leaf_hash) result.leaf = 'good';
  const checkpoint = parseCheckpoint(proof.checkpoint);
  if (!checkpoint) return result;
  const root = await rootFromInclusion(leaf, proof.entry.index, checkpoint.size, proof.proof.map(fromBase64));
  if (root && toBase64(root) === checkpoint.root) result.path = 'good';
  try {
    if (await signedBy(checkpoint, proof.verifier_key)) result.signature = 'good';
  } catch {
    result.signature = 'unable';  // browsers before 2025 have no Ed25519
  }
  return result;
}
