/** Something could not be done or read: what, why, and a way to try again. */
import { Button } from './button.js';
import { errorWords } from './error-words.js';
import { Icon } from './icon.js';
import { visible } from './visible.js';
import './error-notice.css';

export interface ErrorNoticeProps {
  /** What could not be done, as a sentence without its full stop: `The attempts could not be read`. */
  what: string;
  error: Error;
  retry?: (() => void) | undefined;
  isRetrying?: boolean;
}

export function ErrorNotice({ what, error, retry, isRetrying = false }: ErrorNoticeProps) {
  return (
    <div class="error-notice" role="alert">
      <Icon name="warning" />
      <p>
        <strong>{what}:</strong> {visible(errorWords(error))}
      </p>
      {retry && (
        <Button onClick={retry} isBusy={isRetrying}>
          Try again
        </Button>
      )}
    </div>
  );
}
