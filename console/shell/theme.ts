/** Dark, light, or what the system has. Kept in this browser. */
import { effect, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';
const KEY = 'hivesync.theme';

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    return 'system'; // a browser that keeps nothing
  }
}

export const theme = signal<Theme>(stored());

effect(() => {
  const root = document.documentElement;
  if (theme.value === 'system') delete root.dataset['theme'];
  else root.dataset['theme'] = theme.value;
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // it lasts until the page is closed
  }
});

const NEXT: Record<Theme, Theme> = { system: 'dark', dark: 'light', light: 'system' };

export function nextTheme(): void {
  theme.value = NEXT[theme.peek()];
}
