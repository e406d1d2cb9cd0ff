/** The router keeps a page while the code of the next one is on its way, and tells it the next one's address already. */
import { useRef } from 'preact/hooks';
import { useLocation, type LocationHook } from 'preact-iso';

/** @returns the address as it is; while it is another page's, as it was last */
export function useOwnLocation(...paths: readonly string[]): LocationHook {
  const location = useLocation();
  const own = useRef(location);
  if (paths.includes(location.path)) own.current = location;
  return own.current;
}
