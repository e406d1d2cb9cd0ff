/** One attempt: what it is, what ran in it, what of it is not here and why, and its log. */
import { useRoute } from 'preact-iso';
import { EmptyState } from '../ui/empty-state.js';
import { isAway, isGone } from '../ui/error-words.js';
import { ErrorNotice } from '../ui/error-notice.js';
import { PageLoading } from '../ui/page-loading.js';
import { usePageTitle } from '../ui/page-title.js';
import { titleOf } from '../ui/title-of.js';
import { AttemptView } from './attempt-view.js';
import { useAttempt } from './use-attempt.js';
import './attempt-page.css';

export function AttemptPage() {
  const id = useRoute().params['id'] ?? '';
  const { asking, isDeleted } = useAttempt(id);
  const { answer, error, isLoading } = asking.state.value;
  const isMissing = isDeleted.value || (error !== undefined && isGone(error));
  const title = answer ? titleOf(answer.attempt, id) : 'Attempt';
  usePageTitle(isMissing ? 'There is no such attempt' : title);
  if (isMissing) return <NoAttempt wasDeleted={isDeleted.value} />;
  if (!answer) {
    return (
      <div class="attempt-page">
        <h1 class="only-heard">Attempt</h1>
        {error ? (
          <ErrorNotice
            what="The attempt could not be read"
            error={error}
            retry={() => asking.again()}
            isRetrying={isLoading}
          />
        ) : (
          <PageLoading what="Reading the attempt" />
        )}
      </div>
    );
  }
  return (
    <div class="attempt-page">
      {error && !isAway(error) && (
        <ErrorNotice
          what="The attempt could not be read again, so this may be old"
          error={error}
          retry={() => asking.again()}
          isRetrying={isLoading}
        />
      )}
      <AttemptView key={answer.attempt.id} detail={answer} again={() => asking.again()} />
    </div>
  );
}

function NoAttempt({ wasDeleted }: { wasDeleted: boolean }) {
  return (
    <div class="attempt-page">
      <h1 class="only-heard">Attempt</h1>
      <EmptyState title={wasDeleted ? 'This attempt has been deleted' : 'There is no such attempt'}>
        <p>
          {wasDeleted
            ? 'Somebody deleted it just now, here and at its node.'
            : 'It may have been deleted, or belong to another organisation, or the address may be mistyped.'}
        </p>
        <p>
          <a href="/attempts">All attempts</a>
        </p>
      </EmptyState>
    </div>
  );
}
