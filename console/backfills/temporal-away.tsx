/** Only backfills need Temporal: what its absence means, and what goes on without it. */
import { Button } from '../ui/button.js';
import { Icon } from '../ui/icon.js';
import { Time } from '../ui/time.js';
import './temporal-away.css';

export interface TemporalAwayProps {
  /** When what is still shown was read; undefined if nothing is. */
  shownSince: string | undefined;
  retry: () => void;
}

export function TemporalAway({ shownSince, retry }: TemporalAwayProps) {
  return (
    <div class="temporal-away" role="alert">
      <Icon name="warning" />
      <p>
        <strong>Temporal does not answer.</strong> Until it does, backfills cannot be listed, started or cancelled.
        Everything else goes on: attempts can be read, and lines of running ones arrive.
        {shownSince !== undefined && (
          <>
            {' '}
            What you see is from <Time at={shownSince} as="moment" />.
          </>
        )}{' '}
        This page asks again by itself.
      </p>
      <Button onClick={retry}>Try now</Button>
    </div>
  );
}
