/** How somebody likes to read logs: kept in the browser, for all logs. */
import { signal } from '@preact/signals';
import { TIME_STYLES, type TimeStyle } from './timestamps.js';

export interface LogSettings {
  isWrapped: boolean;
  times: TimeStyle;
}

const KEY = 'hivesync.log';
/** On a phone's width, a line that is not wrapped shows nothing of itself. */
const NARROW = '(max-width: 640px)';

export const settings = signal<LogSettings>(kept());

export function change(part: Partial<LogSettings>): void {
  settings.value = { ...settings.peek(), ...part };
  try {
    localStorage.setItem(KEY, JSON.stringify(settings.peek()));
  } catch {
    // a browser that keeps nothing: it lasts until the page is closed
  }
}

export function nextTimes(): void {
  const { times } = settings.peek();
  change({ times: TIME_STYLES[(TIME_STYLES.indexOf(times) + 1) % TIME_STYLES.length] ?? 'off' });
}

function kept(): LogSettings {
  const usual: LogSettings = { isWrapped: matchMedia(NARROW).matches, times: 'off' };
  try {
    const { isWrapped, times } = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<LogSettings>;
    return {
      isWrapped: typeof isWrapped === 'boolean' ? isWrapped : usual.isWrapped,
      times: TIME_STYLES.find((style) => style === times) ?? usual.times,
    };
  } catch {
    return usual;
  }
}
