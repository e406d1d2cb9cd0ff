/** Lines in the page's address: `#L120`, or `#L120-140` for several. */

export interface LineRange {
  first: number;
  last: number;
}

const HASH = /^#L(\d{1,10})(?:-L?(\d{1,10}))?$/;

export function parseLines(hash: string): LineRange | undefined {
  const match = HASH.exec(hash);
  if (!match) return undefined;
  const [one, other] = [Number(match[1]), Number(match[2] ?? match[1])];
  if (one < 1 || other < 1) return undefined;
  return { first: Math.min(one, other), last: Math.max(one, other) };
}

/** @returns the lines that an address names, if they are this execution's */
export function linesOf(page: string, executionId: string): LineRange | undefined {
  const { hash, searchParams } = new URL(page);
  const named = searchParams.get('execution');
  return named === null || named === executionId ? parseLines(hash) : undefined;
}

export function formatLines({ first, last }: LineRange): string {
  return first === last ? `#L${first}` : `#L${first}-${last}`;
}

/** @returns the address of these lines. The execution is part of it, because its lines are numbered by themselves. */
export function linesAddress(page: string, executionId: string, lines: LineRange | undefined): string {
  const address = new URL(page);
  if (lines) address.searchParams.set('execution', executionId);
  address.hash = lines ? formatLines(lines) : '';
  return `${address.pathname}${address.search}${address.hash}`;
}
