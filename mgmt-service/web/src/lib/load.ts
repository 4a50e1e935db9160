import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { useEvent } from '../state';

export interface Loaded<T> {
  data: T | undefined;
  error: Error | null;
  loading: boolean;
  reload: () => void;
  set: (next: T | ((old: T | undefined) => T | undefined)) => void;
}

// Loads when `deps` change, when told to, and when live events were lost. An answer that was overtaken by a newer
// question is dropped. The old data stays while new is on its way.
export function useLoad<T>(load: () => Promise<T>, deps: unknown[]): Loaded<T> {
  const [state, setState] = useState<{ data: T | undefined; error: Error | null; loading: boolean }>({ data: undefined, error: null, loading: true });
  const turn = useRef(0);
  const run = useCallback(() => {
    const mine = ++turn.current;
    setState((s) => ({ ...s, loading: true }));
    load().then(
      (data) => { if (mine === turn.current) setState({ data, error: null, loading: false }); },
      (error: Error) => { if (mine === turn.current) setState((s) => ({ data: s.data, error, loading: false })); },
    );
  }, deps);  // eslint-disable-line
  useEffect(() => { run(); return () => { turn.current++; }; }, [run]);
  useEvent('reset', run);
  const set = useCallback((next: T | ((old: T | undefined) => T | undefined)) => {
    setState((s) => ({ ...s, data: typeof next === 'function' ? (next as (old: T | undefined) => T | undefined)(s.data) : next }));
  }, []);
  return { ...state, reload: run, set };
}

// Calls `run` at most once in `ms`, and once more for what came meanwhile.
export function useThrottled(run: () => void, ms: number): () => void {
  const newest = useRef(run);
  newest.current = run;
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(() => () => { if (timer.current) clearTimeout(timer.current); }, []);
  return useCallback(() => {
    timer.current ??= setTimeout(() => { timer.current = null; newest.current(); }, ms);
  }, [ms]);
}

export function useDebounced<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
