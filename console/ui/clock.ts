/** The time of day, for what is shown as "3 minutes ago". It ticks only while something shows it. */
import { signal } from '@preact/signals';

const TICK_MS = 1000;
let timer: ReturnType<typeof setInterval> | undefined;

function tick(): void {
  if (!document.hidden) now.value = Date.now();
}

/** Milliseconds since 1970. */
export const now = signal(Date.now(), {
  watched: () => {
    timer = setInterval(tick, TICK_MS);
    tick();
  },
  unwatched: () => clearInterval(timer),
});
