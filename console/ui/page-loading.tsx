/** Shown only if something takes long: a page that blinks is worse than one that waits. */
import './page-loading.css';

export function PageLoading({ what = 'Loading' }: { what?: string }) {
  return (
    <p class="page-loading" role="status">
      {what}…
    </p>
  );
}
