/** For what no feed tells: asks now and then, as long as somebody can see the answer. */
import { useEffect, useRef } from 'preact/hooks';

/**
 * Asks again after each interval while the page is visible, and as soon as it becomes visible again.
 * @param everyMs undefined while there is nothing to ask for
 */
export function usePolling(ask: () => void, everyMs: number | undefined): void {
  const newest = useRef(ask);
  newest.current = ask;
  useEffect(() => {
    if (everyMs === undefined) return undefined;
    const askIfSeen = (): void => {
      if (!document.hidden) newest.current();
    };
    const timer = setInterval(askIfSeen, everyMs);
    document.addEventListener('visibilitychange', askIfSeen);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', askIfSeen);
    };
  }, [everyMs]);
}
