/** The attempt that the page shows, kept as it is at the hive. */
import { useEffect } from 'preact/hooks';
import { useSignal, type ReadonlySignal } from '@preact/signals';
import type { Schemas } from '../../api/client/client.js';
import { ask, hive } from '../hive/client.js';
import { onChange, onMissed } from '../hive/feed.js';
import { usePolling } from '../hive/poll.js';
import { useRequest, type Asking } from '../hive/request.js';

type Detail = Schemas['AttemptDetail'];

/** A busy attempt changes many times a second. */
const REST_MS = 1000;
/** The feed does not tell that a node came or went, nor how many lines a running execution has. */
const CHECK_MS = 5000;
/** Of an attempt that is whole, only its node still changes. */
const CHECK_WHOLE_MS = 30_000;

export interface LiveAttempt {
  asking: Asking<Detail>;
  /** Somebody has deleted it since the page was opened. */
  isDeleted: ReadonlySignal<boolean>;
}

export function useAttempt(id: string): LiveAttempt {
  const isDeleted = useSignal(false);
  const asking = useRequest(askFor(id), [id]);
  useEffect(() => {
    isDeleted.value = false;
    const refresh = seldom(() => asking.again());
    const endChanges = onChange((change) => {
      if (change.attempt_id !== id) return;
      if (change.deleted) isDeleted.value = true;
      else refresh.soon();
    });
    const endMissed = onMissed(() => refresh.soon());
    return () => {
      endChanges();
      endMissed();
      refresh.end();
    };
  }, [id, asking]);
  const isWhole = asking.state.value.answer?.sync.state === 'complete';
  usePolling(() => asking.again(), isWhole ? CHECK_WHOLE_MS : CHECK_MS);
  return { asking, isDeleted };
}

/**
 * Opening the page is reading the attempt, which starts a backfill if it has a gap. Keeping the page current is not: that
 * uses the name that starts none.
 */
function askFor(id: string): (signal: AbortSignal) => Promise<Detail> {
  let isFirst = true;
  return async (signal) => {
    const options = { params: { path: { id } }, signal };
    const answer = isFirst
      ? await ask(hive.GET('/v1/swarm/attempts/{id}', options))
      : await ask(hive.GET('/v1/sync/swarm/attempts/{id}', options));
    isFirst = false;
    return answer;
  };
}

/** Calls at once, and then at most once in a while, the last time after the last wish. */
function seldom(call: () => void): { soon(): void; end(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let calledAt = -Infinity;
  return {
    soon: () => {
      timer ??= setTimeout(
        () => {
          timer = undefined;
          calledAt = performance.now();
          call();
        },
        Math.max(0, calledAt + REST_MS - performance.now()),
      );
    },
    end: () => clearTimeout(timer),
  };
}
