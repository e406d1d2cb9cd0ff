/** Addresses in what a line shows, which lead there: http and https only, and nothing that leads elsewhere than it reads. */
import type { Piece } from './line-pieces.js';

export interface Link {
  /** What is read, and where it leads. */
  href: string;
  pieces: Piece[];
}

/** A line of nothing but addresses stays as cheap as others; those after these are text. */
export const MAX_LINKS = 100;
/** Browsers and servers take no longer ones. */
const MAX_LENGTH = 2000;

/** What an address is made of: anything else in it is written with `%`. */
const ADDRESS = /(?<![a-z0-9+.-])https?:\/\/[a-z0-9\-._~:/?#@!$&'()*+,;=%[\]]+/gi;
/** An address that goes on with letters of other scripts, or with what hides or reorders, leads elsewhere than it reads. */
const GOES_ON = /(?![\t\n\r])[\p{L}\p{M}\p{N}\p{C}]/u;
const CLOSERS: Readonly<Record<string, string | undefined>> = { ')': '(', ']': '[' };

/** @param isCut the text goes on after its end: what reaches there is no whole address */
export function withLinks(pieces: readonly Piece[], isCut: boolean): (Piece | Link)[] {
  const text = pieces.map((piece) => piece.text).join('');
  const shown: (Piece | Link)[] = [];
  const rest = pieces[Symbol.iterator]();
  let piece: Piece | undefined = rest.next().value;
  let at = 0; // in the text
  const take = (to: number): Piece[] => {
    const taken: Piece[] = [];
    while (piece && at < to) {
      const part = piece.text.slice(0, to - at);
      taken.push(part.length === piece.text.length ? piece : { ...piece, text: part });
      at += part.length;
      piece = part.length === piece.text.length ? rest.next().value : { ...piece, text: piece.text.slice(part.length) };
    }
    return taken;
  };
  for (const { from, to } of addressesIn(text, isCut)) {
    shown.push(...take(from), { href: text.slice(from, to), pieces: take(to) });
  }
  shown.push(...take(text.length));
  return shown;
}

/** @returns where the addresses are, in their order */
export function addressesIn(text: string, isCut: boolean): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  if (!/https?:/i.test(text)) return found;
  for (const { 0: match, index } of text.matchAll(ADDRESS)) {
    if (found.length === MAX_LINKS) break;
    const end = index + match.length;
    const after = text.codePointAt(end);
    const goesOn = after === undefined ? isCut : GOES_ON.test(String.fromCodePoint(after));
    if (match.length > MAX_LENGTH || goesOn) continue;
    const address = withoutEnd(match);
    if (isHarmless(address)) found.push({ from: index, to: index + address.length });
  }
  return found;
}

/** A sentence ends after an address, or a bracket around it. */
function withoutEnd(address: string): string {
  let end = address.length;
  for (; end > 0; end--) {
    const last = address[end - 1] ?? '';
    const opener = CLOSERS[last];
    if (opener === undefined ? !/[.,;:!?']/.test(last) : count(address, opener, end) >= count(address, last, end))
      break;
  }
  return address.slice(0, end);
}

function count(text: string, character: string, end: number): number {
  let times = 0;
  for (let index = 0; index < end; index++) if (text[index] === character) times++;
  return times;
}

/** A name before the host is a password in the log, or made to look like a host. */
function isHarmless(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, username, password } = new URL(address);
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
}
