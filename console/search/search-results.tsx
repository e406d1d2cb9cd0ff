/** What a search has found, as it is found: nothing that is shown moves when more comes. */
import { useEffect, useRef } from 'preact/hooks';
import { useKeys } from '../shell/keys.js';
import { useRowKeys } from '../ui/use-row-keys.js';
import type { AllSearch } from './all-search.js';
import { FoundGroup } from './found-group.js';
import { comeBackTo } from './remembered-search.js';
import { SearchEnd } from './search-end.js';
import type { SearchQuery } from './search-query.js';
import { SearchProgress } from './search-progress.js';

export interface SearchResultsProps {
  query: SearchQuery;
  search: AllSearch;
}

export function SearchResults({ query, search }: SearchResultsProps) {
  const { found, phase, ...rest } = search.state.value;
  const list = useRef<HTMLDivElement>(null);
  useRowKeys('Search', list, 'attempt or line');
  useKeys('Search', [
    { keys: 'c', does: 'go on searching', run: () => search.goOn() },
    ...(phase === 'searching'
      ? [{ keys: 'Escape', does: 'stop searching', run: () => search.stop(), whileTyping: true }]
      : []),
  ]);
  useEffect(() => comeBackTo(search), [search]); // the router has put the page to its top before
  return (
    <>
      <SearchProgress state={{ found, phase, ...rest }} stop={() => search.stop()} />
      <div ref={list}>
        {found.map((one) => (
          <FoundGroup key={one.attempt.id} found={one} />
        ))}
      </div>
      <SearchEnd query={query} state={{ found, phase, ...rest }} goOn={() => search.goOn()} />
    </>
  );
}
