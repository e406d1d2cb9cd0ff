/** A part of a terminal's life in which a command draws the whole screen again and again, and leaves it as it was. */
import { fit } from './width.js';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const [HOME, CLEAR_LINE, CLEAR_REST] = ['\u001b[H', '\u001b[K', '\u001b[J'];
/** What a shell expects of a process that SIGINT ended. */
const INTERRUPTED = 130;

export interface Screen {
  draw(lines: string[]): void;
  /** How many lines there are room for. */
  readonly rows: number;
  close(): void;
}

/** @param onResize is called when the terminal has another size, to draw again */
export function openScreen(onResize: () => void): Screen {
  const rows = () => process.stdout.rows || 24;
  const close = () => {
    process.off('exit', close);
    process.stdout.off('resize', onResize);
    process.stdout.write(LEAVE);
  };
  process.on('exit', close);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(INTERRUPTED));
  process.stdout.on('resize', onResize);
  process.stdout.write(ENTER);
  return {
    get rows() {
      return rows();
    },
    draw(lines) {
      const shown = lines.slice(0, rows());
      process.stdout.write(HOME + shown.map((line) => line + CLEAR_LINE).join('\r\n') + CLEAR_REST);
    },
    close,
  };
}

/** @returns a line for the top of a screen */
export function titleLine(text: string): string {
  return fit(text, process.stdout.columns || 80);
}
