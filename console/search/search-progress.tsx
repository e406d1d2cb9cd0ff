import { WAITING_WORDS } from '../hive/until-answered.js';
import { Button } from '../ui/button.js';
import { formatCount } from '../ui/format-count.js';
import type { SearchState } from './all-search.js';

export interface SearchProgressProps {
  state: SearchState;
  stop: () => void;
}

/** How far the search is. Its place is kept, so that nothing moves when it ends. */
export function SearchProgress({ state, stop }: SearchProgressProps) {
  const { phase } = state;
  return (
    <div class="search-progress">
      <p role="status">
        {foundWords(state)}
        {state.waiting && `; ${WAITING_WORDS[state.waiting]}`}
        <span class="search-soft">{farWords(state)}</span>
      </p>
      {phase === 'searching' && <Button onClick={stop}>Stop</Button>}
    </div>
  );
}

function foundWords({ found, phase }: SearchState): string {
  const where = `${formatCount(found.length)} ${found.length === 1 ? 'attempt' : 'attempts'}`;
  if (phase === 'searching') return found.length === 0 ? 'Searching…' : `Searching… found in ${where} so far`;
  if (phase === 'complete') return found.length === 0 ? 'Found in no attempt' : `Found in ${where}`;
  return found.length === 0 ? 'Nothing found so far' : `Found in ${where} so far`;
}

/** A page is what nodes send and the hive stores: up to about 1,000 lines. */
function farWords({ phase, lookedThrough }: SearchState): string {
  if (!lookedThrough) return '';
  const { pages, of } = lookedThrough;
  if (phase === 'complete')
    return `, everything has been looked through (${formatCount(of)} pages of up to 1,000 lines)`;
  const percent = of === 0 ? 0 : Math.floor((100 * pages) / of);
  return `, ${formatCount(pages)} of ${formatCount(of)} pages looked through (${percent}%)`;
}
