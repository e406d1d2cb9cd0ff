/**
 * The filter of a page: says of a word that it is in none of the page's lines, or that it may be. Of 25 KiB of gzip it
 * takes some 1.6 KiB, and is wrong about one word in 50 to 250.
 */
import { readPage, type LogLine, type NumberedPage } from '../protocol/page.js';
import { HashSet } from './hash-set.js';
import { buildRibbon, columnsFor, hasKey, type Ribbon } from './ribbon.js';
import { eachFindableWord, type RequiredWord } from './words.js';

export interface PageFilter extends Ribbon {
  /** Whether short words with digits are in it. */
  hasShortNumbers: boolean;
}

/** With fewer columns than this, short numbers are left out. */
const ENOUGH_COLUMNS = 7;

/** @throws PageError if the stored gzip is damaged */
export async function buildPageFilter(page: NumberedPage): Promise<PageFilter | undefined> {
  const { firstSeq: fromSeq, lastSeq: toSeq } = page;
  const words = new HashSet();
  const shortNumbers = new HashSet();
  for (const { json } of await readPage(page, { fromSeq, toSeq })) {
    eachFindableWord((JSON.parse(json) as LogLine).content, (hash, isShortNumber) =>
      (isShortNumber ? shortNumbers : words).add(hash),
    );
  }
  return filterOf(words, shortNumbers, filterBytes(page.gzip.length) * 8);
}

function filterOf(words: HashSet, shortNumbers: HashSet, maxBits: number): PageFilter | undefined {
  const keys: number[] = [];
  words.appendTo(keys);
  const hasShortNumbers = columnsFor(words.size + shortNumbers.size, maxBits) >= ENOUGH_COLUMNS;
  // a long and a short word can have the same hash
  if (hasShortNumbers) shortNumbers.appendTo(keys);
  const ribbon = buildRibbon(hasShortNumbers ? [...new Set(keys)] : keys, maxBits);
  return ribbon && { ...ribbon, hasShortNumbers };
}

/** @returns false if none of the page's lines has the word */
export function mayHave(filter: PageFilter, { hash, isShortNumber }: RequiredWord): boolean {
  return (isShortNumber && !filter.hasShortNumbers) || hasKey(filter, hash);
}

/** What the index may take, as a part of the pages' gzip. */
const MAX_SHARE = 0.078;
/** PostgreSQL's page, and what of it is left for rows. */
const [BLOCK_BYTES, ROOM_BYTES] = [8192, 8160];
/** What a filter's row takes besides the filter, and its entry in the primary key's index. */
const [ROW_BYTES, KEY_BYTES] = [82, 55];
/** Filters of tiny pages may take more than their share. */
const MIN_BYTES = 64;
/** Above this, rows fit into blocks well enough. */
const MANY_ROWS = 32;

/**
 * @returns the size of the filter of a page: the largest with which the table of filters takes no more than its share on
 * disk. Rows that fit into a block a whole number of times leave none of it unused.
 */
export function filterBytes(gzipBytes: number): number {
  const share = MAX_SHARE * gzipBytes - KEY_BYTES;
  const rows = Math.ceil(BLOCK_BYTES / Math.max(1, share));
  if (rows === 1) return Math.floor((share * ROOM_BYTES) / BLOCK_BYTES) - ROW_BYTES;
  if (rows > MANY_ROWS) return Math.max(MIN_BYTES, Math.floor(share) - ROW_BYTES);
  return Math.floor(ROOM_BYTES / rows) - ROW_BYTES;
}
