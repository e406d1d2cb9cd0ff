import { countOf } from '../ui/format-count.js';

/** Even "all" ends somewhere: a page with more in one place is of no use. */
export function CutNote({ shown, of, noun }: { shown: number; of: number; noun: string }) {
  return of > shown ? <span>The first {countOf(shown, noun)}. The raw lines have the rest.</span> : null;
}
