// The shapes of ../../openapi.yaml, by hand, with the same names. Times are Unix milliseconds.

export interface Money { minor: number; currency: string }
export interface UnitPrice extends Money { per: string }
export interface Promotion { price: Money; prior_price?: Money | null; from: number; to: number }
export interface PriceAndPromotion { price: Money | null; promotion: Promotion | null }

export interface Problem {
  type: string; title: string; status: number; detail?: string;
  errors?: { where: string; detail: string }[];
}
export interface Page<T> { items: T[]; next: string | null; total: number }

export type Role = 'chain_admin' | 'store_manager' | 'operator' | 'auditor' | 'api';
export interface User {
  name: string; role: Role; stores: string[]; disabled: boolean; created_at: number; last_login_at: number | null;
}
export interface Session {
  user: User; csrf_token: string; expires_at: number;
  service: { version: string; now: number; test_clock: boolean };
}
export interface Token {
  id: string; name: string; role: Role; stores: string[]; created_at: number; created_by: string;
  last_used_at: number | null; expires_at: number | null;
}
export interface TokenWithSecret extends Token { secret: string }

export interface Store {
  id: string; name: string; currency: string; locale: string;
  products: number; tags: number; aps: number; created_at: number;
}
export interface Ap {
  id: string; store: string | null; name: string; online: boolean; since: number; model: string; version: string;
  radios: string[]; tags: number; queue: number; permit_join_until?: number | null; last_seen: number;
}

export type TagState = 'shown' | 'pending' | 'failed' | 'unknown';
export interface Failure { class: string; code: number | null; detail: string; at: number; attempts: number }
export interface Desired {
  version: number; image: string; at: number; not_before: number; expires: number | null; change: string | null;
}
// What it will show at its next scheduled moment.
export interface Next { image: string; at: number; sent_at: number | null; accepted_at: number | null }
export interface Reported { version: number; image: string; at: number }
export interface Battery { percent: number | null; millivolts: number | null; low: boolean; at: number }
export interface ProductRef { id: string; name: string }
export interface Tag {
  id: string; store: string | null; ap: string | null; radio: string; model: string; panel: string;
  state: TagState; late: boolean; failure: Failure | null; desired: Desired | null; next: Next | null;
  reported: Reported | null; products: ProductRef[]; template: string | null; position: string; battery: Battery | null; rssi: number | null;
  firmware: string; first_seen: number; last_seen: number;
}
export interface Binding { store: string; products: string[]; template?: string | null; position?: string }

export interface Product {
  id: string; store: string; code_kind: 'gtin' | 'item_code'; name: string; brand: string;
  quantity: string | null; unit: string | null; price: Money | null; promotion: Promotion | null; url: string | null;
  price_now: Money | null; unit_price: UnitPrice | null;
  tags: { id: string; panel: string; state: TagState }[]; version: number; updated_at: number;
}

export type Verdict = 'created' | 'updated' | 'unchanged' | 'rejected';
export interface ImportVerdict { row: number; verdict: Verdict; product: string | null; reason?: string; detail?: string }
export interface ImportTotals {
  rows: number; created: number; updated: number; unchanged: number; rejected: number;
  reasons: Record<string, number>; dry_run: boolean; change: string | null; held?: string | null;
}

export type ChangeState = 'draft' | 'awaiting_approval' | 'scheduled' | 'running' | 'done' | 'partly_failed' | 'cancelled';
export type JobState =
  | 'new' | 'queued' | 'sent' | 'accepted' | 'transferring' | 'displayed' | 'failed' | 'superseded' | 'expired' | 'cancelled';
export interface NewChange {
  title?: string; at?: number | null;
  items: { product: string; price?: Money; promotion?: Promotion | null }[];
}
export interface Change {
  id: string; store: string; state: ChangeState; kind: string; title: string; created_at: number; created_by: string;
  at: number; finished_at: number | null; items_total: number; jobs_total: number;
  counts: Partial<Record<JobState, number>>; timings: { p50_ms: number | null; p99_ms: number | null };
  version: number; authors: string[]; approval: ApprovalNeed | null;
}
export interface Reason { what: 'price' | 'promotion'; percent: number }
export interface ChangeItem { product: string; name: string; before: PriceAndPromotion | null; after: PriceAndPromotion; reasons: Reason[] }
export type ApproverRole = 'operator' | 'store_manager' | 'chain_admin';
// A limit that is null is none. Of a store, or with a null store of the chain.
export interface ApprovalRuleWrite {
  inherits?: boolean; max_up_percent?: number | null; max_down_percent?: number | null; max_items?: number | null; role?: ApproverRole;
}
export interface ApprovalRule extends Required<ApprovalRuleWrite> { store: string | null; version: number }
export interface ApprovalNeed {
  role: ApproverRole; max_up_percent: number | null; max_down_percent: number | null;
  max_items: number | null; tripped: number; too_many: boolean;
}
export interface ChangeDetail extends Change {
  items: ChangeItem[];
  steps: ChangeStep[];
}
export type ChangeAction = 'create' | 'edit' | 'submit' | 'recheck' | 'approve' | 'reject' | 'discard' | 'start' | 'resume' | 'finish' | 'cancel';
export interface ChangeStep { state: ChangeState; action: ChangeAction; at: number; actor: string; note?: string }
export interface JobStep { state: JobState; at: number; actor: string; detail?: string }
export interface Job {
  id: string; change: string; store: string; tag: string; ap: string | null; version: number; image: string;
  state: JobState; failure: Failure | null; attempts: number; created_at: number; updated_at: number; steps?: JobStep[];
}

export interface AuditEntry {
  index: number; at: number; actor: string; action: string; object: string; store?: string; change?: string;
  job?: string; tag?: string; source?: string; before?: unknown; after?: unknown;
}
export interface AuditProof {
  entry: AuditEntry; canonical: string; leaf_hash: string; tree_size: number; proof: string[];
  checkpoint: string; verifier_key: string;
}
export interface Template { id: string; name: string; version: string; panel: string }

export interface Stats {
  now: number;
  tags: { total: number; bound: number; shown: number; pending: number; failed: number; unknown: number };
  shown_percent: number;
  late: { count: number; oldest: number | null };
  failed: { count: number; by_class: Record<string, number> };
  aps: { online: number; offline: number; unclaimed: number };
  batteries: { low: number; unknown: number };
  changes: { running: number; scheduled: number; awaiting_approval: number };
  last_hour: { displayed: number; failed: number; p50_ms: number | null; p99_ms: number | null };
  minutes: { at: number; displayed: number; failed: number }[];
}

export interface LiveEvents {
  tag: Tag; job: Job; change: Change; ap: Ap; product: Product; audit: AuditEntry; reset: Record<string, never>;
}
