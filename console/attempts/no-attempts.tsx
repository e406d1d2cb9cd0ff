/** A list without a row: why, and what one can do. */
import { session } from '../hive/session.js';
import { Button } from '../ui/button.js';
import { CommandBlock } from '../ui/command-block.js';
import { EmptyState } from '../ui/empty-state.js';
import { countOf } from '../ui/format-count.js';
import { visible } from '../ui/visible.js';
import { RECORD } from './connect-commands.js';
import { attemptsAddress, changed, isLikeAnId, type Choice } from './filters.js';

export function NoMatch({ choice, clear }: { choice: Choice; clear: () => void }) {
  const { filters } = choice;
  const { q } = filters;
  return (
    <EmptyState title="No attempt matches">
      <p>
        {q === undefined
          ? 'No attempt has all of what the filters ask for.'
          : `No title or command contains “${visible(q)}”, in upper or lower case${hasOthers(choice) ? ', among those that the other filters leave' : ''}.`}
      </p>
      {q !== undefined && (
        <p>
          {isLikeAnId(q) && (
            <>
              <a
                href={attemptsAddress({ ...choice, filters: changed(filters, { q: undefined, id_prefix: q.trim() }) })}
              >
                Look for the id {visible(q)}…
              </a>{' '}
              ·{' '}
            </>
          )}
          <a href={`/search?q=${encodeURIComponent(q)}`}>Search in the logs of all attempts</a>
        </p>
      )}
      <Button onClick={clear}>Clear filters</Button>
    </EmptyState>
  );
}

const hasOthers = ({ filters }: Choice): boolean => Object.keys(filters).length > 1;

export function FirstAttempt({ nodes }: { nodes: readonly { name: string }[] }) {
  const names = nodes.slice(0, 3).map(({ name }) => visible(name));
  const more = nodes.length - names.length;
  return (
    <EmptyState title="Nothing has been recorded yet">
      <p>
        {countOf(nodes.length, 'node')} of {visible(session.value?.organization.name ?? 'this organisation')}{' '}
        {nodes.length === 1 ? 'has' : 'have'} joined ({names.join(', ')}
        {more > 0 && ` and ${more} more`}). Run a command under <code>node-agent run</code> on one of them: it appears
        here while it runs.
      </p>
      <CommandBlock command={RECORD} what="the command that records a command" />
    </EmptyState>
  );
}
