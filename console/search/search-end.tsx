/** What is below the last result: how to go on, or what else could be tried. */
import { HiveApiError } from '../../api/client/client.js';
import { Button } from '../ui/button.js';
import { EmptyState } from '../ui/empty-state.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { countOf } from '../ui/format-count.js';
import type { SearchState } from './all-search.js';
import { searchAddress, type SearchQuery } from './search-query.js';

export interface SearchEndProps {
  query: SearchQuery;
  state: SearchState;
  goOn: () => void;
}

export function SearchEnd({ query, state, goOn }: SearchEndProps) {
  const { phase, error, found, damaged } = state;
  return (
    <div class="search-end">
      {damaged.length > 0 && (
        <p class="search-soft">
          {countOf(damaged.length, 'stored piece of a log', 'stored pieces of logs')} could not be searched, because{' '}
          {damaged.length === 1 ? 'it is' : 'they are'} damaged.
        </p>
      )}
      {error &&
        (isRefused(error) ? (
          <ErrorNotice what="This cannot be searched for" error={error} />
        ) : (
          <ErrorNotice what="The search ended before it was done" error={error} retry={goOn} />
        ))}
      {phase === 'paused' && (
        <p>
          <Button tone="primary" onClick={goOn}>
            Go on searching
          </Button>
        </p>
      )}
      {phase === 'complete' && found.length === 0 && <NothingFound query={query} />}
      {phase === 'complete' && found.length > 0 && <p class="search-soft">That is everything.</p>}
    </div>
  );
}

/** The hive does not take what is asked: asking again would not help. */
const isRefused = (error: Error): boolean => error instanceof HiveApiError && error.status === 400;

function NothingFound({ query }: { query: SearchQuery }) {
  const { mode, ignoreCase, filters } = query;
  const others = [
    ...(mode === 'word' ? [{ words: 'look inside of words, too', to: { ...query, mode: 'text' as const } }] : []),
    ...(ignoreCase ? [] : [{ words: 'ignore upper and lower case', to: { ...query, ignoreCase: true } }]),
    ...(Object.keys(filters).length > 0 ? [{ words: 'search in all attempts', to: { ...query, filters: {} } }] : []),
  ];
  return (
    <EmptyState title="No stored line matches">
      <p>
        {Object.keys(filters).length > 0
          ? 'Every line of the attempts that your filters let through has been looked at.'
          : 'Every line that the hive has stored has been looked at.'}{' '}
        What is still at a node cannot be found here.
      </p>
      {others.length > 0 && (
        <p>
          You could{' '}
          {others.map(({ words, to }, index) => (
            <span key={words}>
              {index > 0 && (index === others.length - 1 ? ' or ' : ', ')}
              <a href={searchAddress(to)}>{words}</a>
            </span>
          ))}
          .
        </p>
      )}
    </EmptyState>
  );
}
