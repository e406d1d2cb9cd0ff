import { EmptyState } from '../ui/empty-state.js';
import { searchAddress } from './search-query.js';

const EXAMPLES = [
  { q: 'ECONNREFUSED', mode: 'word', means: 'whose connections were refused' },
  { q: '\\b(panic|fatal)\\b.*', mode: 'regex', means: 'what crashed' },
] as const;

export function WhatIsSearched() {
  return (
    <EmptyState title="Which attempt printed it?">
      <p>
        Every line that the hive has stored is searched, of all attempts of the organisation, those that arrived last
        first. What is found is shown at once. In one attempt alone, search on its own page.
      </p>
      <dl class="search-examples">
        {EXAMPLES.map(({ q, mode, means }) => (
          <div key={q}>
            <dt>
              <a href={searchAddress({ q, mode, ignoreCase: false, filters: {} })}>
                <code>{q}</code>
              </a>
            </dt>
            <dd>{means}</dd>
          </div>
        ))}
      </dl>
    </EmptyState>
  );
}
