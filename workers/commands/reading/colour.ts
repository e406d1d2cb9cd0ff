/** Whether to use colours, and the few that tables have. */

/** @param asked by --color or --no-color @returns whether standard output gets colours */
export function usesColour(asked?: boolean): boolean {
  return asked ?? (process.stdout.isTTY && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb');
}

const painter = (code: number) => (text: string) => (usesColour() ? `\u001b[${code}m${text}\u001b[0m` : text);

export const red = painter(31);
export const green = painter(32);
export const yellow = painter(33);
export const faint = painter(2);
