/** Search in the lines of all attempts. What is searched for stands in the address. */
import { useMemo, useState } from 'preact/hooks';
import { useNodes } from '../hive/node-names.js';
import { useOwnLocation } from '../shell/own-location.js';
import { usePageTitle } from '../ui/page-title.js';
import { visible } from '../ui/visible.js';
import { PageHead } from '../ui/page-head.js';
import { forgetSearch, searchFor } from './remembered-search.js';
import { SearchForm } from './search-form.js';
import { SearchResults } from './search-results.js';
import { queryOf, searchAddress, type SearchQuery } from './search-query.js';
import { WhatIsSearched } from './what-is-searched.js';
import './search-page.css';

export function SearchPage() {
  const { query: fields, route } = useOwnLocation('/search');
  const query = queryOf(fields);
  const address = searchAddress(query);
  const [round, setRound] = useState(0);
  const search = useMemo(() => (query.q === '' ? undefined : searchFor(query)), [address, round]);
  const submit = (next: SearchQuery) => {
    forgetSearch();
    if (searchAddress(next) === address) setRound(round + 1);
    else route(searchAddress(next));
  };
  useNodes();
  usePageTitle(query.q === '' ? 'Search' : `${visible(query.q)} · Search`);
  return (
    <div class="page search-page">
      <PageHead title="Search" />
      {/* the address is the form's beginning, not its state: typing must not search, and going back must */}
      <SearchForm key={address} query={query} submit={submit} />
      {search ? <SearchResults key={address} query={query} search={search} /> : <WhatIsSearched />}
    </div>
  );
}
