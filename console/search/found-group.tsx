import { nodeName } from '../hive/node-names.js';
import { formatCount } from '../ui/format-count.js';
import { StateBadge } from '../ui/state-badge.js';
import { Time } from '../ui/time.js';
import { titleOf } from '../ui/title-of.js';
import { visible } from '../ui/visible.js';
import { excerptOf } from './line-excerpt.js';
import type { FoundAttempt } from './search-answer.js';
import './found-group.css';

type Match = FoundAttempt['first'][number];

/** An attempt that printed it, with the first lines. */
export function FoundGroup({ found }: { found: FoundAttempt }) {
  const { attempt, matches, at_least: isAtLeast, first } = found;
  const more = matches - first.length;
  const name = titleOf(attempt, attempt.id);
  return (
    <section class="found-group" aria-label={name}>
      <header>
        <h2>
          <a data-row href={`/attempts/${attempt.id}`}>
            {name}
          </a>
        </h2>
        <StateBadge state={attempt.status} exitCode={attempt.exit_code} />
        <span>{visible(nodeName(attempt.node_id))}</span>
        <Time at={attempt.created_at} />
        <span class="found-group-count">
          {isAtLeast && 'at least '}
          {formatCount(matches)} {matches === 1 ? 'line' : 'lines'}
        </span>
      </header>
      <ol class="found-lines">
        {first.map((match) => (
          <FoundLine key={match.id} attemptId={attempt.id} match={match} />
        ))}
      </ol>
      {more > 0 && (
        <p class="found-group-more">
          and {isAtLeast && 'at least '}
          {formatCount(more)} more
        </p>
      )}
    </section>
  );
}

function FoundLine({ attemptId, match }: { attemptId: string; match: Match }) {
  const { execution_id: executionId, seq, content, ranges, output_type: type } = match;
  return (
    <li>
      <a data-row href={`/attempts/${attemptId}?execution=${executionId}#L${seq}`}>
        <span class="found-line-number">
          <span class="only-heard">Line </span>
          {formatCount(seq)}
        </span>
        <span class={`found-line-text found-line-${type}`}>
          {type === 'stderr' && <span class="only-heard">standard error: </span>}
          {excerptOf(content, ranges).map(({ text, isMatch }, index) =>
            isMatch ? <mark key={index}>{text}</mark> : <span key={index}>{text}</span>,
          )}
        </span>
      </a>
    </li>
  );
}
