import { usePageTitle } from '../ui/page-title.js';

export function NotFound() {
  usePageTitle('There is no such page');
  return (
    <div class="page-message">
      <h1>There is no such page</h1>
      <p>
        The address may be mistyped. All attempts are at <a href="/attempts">Attempts</a>.
      </p>
    </div>
  );
}
