/** The last search is kept while another page is open: whoever comes back finds what was found, and goes on. */
import { effect } from '@preact/signals';
import { session } from '../hive/session.js';
import { AllSearch } from './all-search.js';
import { searchAddress, type SearchQuery } from './search-query.js';

let last: { address: string; search: AllSearch; scrolled: number } | undefined;

/** @returns the search that was left, if it is the same, otherwise a new one, which has begun */
export function searchFor(query: SearchQuery): AllSearch {
  const address = searchAddress(query);
  if (last?.address === address) return last.search;
  const search = new AllSearch(query);
  last = { address, search, scrolled: 0 };
  search.goOn();
  return search;
}

/** Whoever submits the form wants a new search, also for what was searched for before. */
export function forgetSearch(): void {
  last = undefined;
}

/**
 * Puts the page back to where it was when the search was left, and remembers where it is from then on. When the search
 * is left it is too late to ask: the router has begun the next page at its top by then.
 * @returns a function to call when the search is left: one that nobody looks at would keep one of the few places that
 * the hive has for searches
 */
export function comeBackTo(search: AllSearch): () => void {
  const main = document.getElementById('main');
  const { href } = location;
  const scrolled = (): void => {
    if (last?.search === search && location.href === href) last.scrolled = main?.scrollTop ?? 0;
  };
  if (last?.search === search) main?.scrollTo({ top: last.scrolled });
  main?.addEventListener('scroll', scrolled, { passive: true });
  return () => {
    main?.removeEventListener('scroll', scrolled);
    search.stop();
  };
}

// whoever signs in next may not see what was found
effect(() => {
  if (session.value === null) last = undefined;
});
