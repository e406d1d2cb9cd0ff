import { encodePage, type OutputType } from '../../protocol/page.js';
import { PAGE_TARGET_LINES, PAGE_TARGET_RAW_BYTES } from '../../protocol/limits.js';
import type { EncodedLine } from '../../protocol/v1/log-lines.js';
import type { MadePage } from '../../prisma/queries/v1/write-log.js';

/** Makes pages of the lines, except the first `known` of them. Their numbers begin with `stored + 1`. */
export async function* makePages(
  lines: readonly EncodedLine[],
  { known, stored }: { known: number; stored: number },
): AsyncGenerator<MadePage> {
  const offset = stored - known;
  for (let start = known; start < lines.length;) {
    const lineCounts: Record<OutputType, number> = { stdout: 0, stderr: 0, system: 0 };
    const texts: string[] = [];
    let rawBytes = 0;
    for (let index = start; index < lines.length && texts.length < PAGE_TARGET_LINES; index++) {
      const line = lines[index];
      if (!line) break;
      const bytes = Buffer.byteLength(line.json) + 1;
      if (texts.length > 0 && rawBytes + bytes > PAGE_TARGET_RAW_BYTES) break;
      texts.push(line.json);
      rawBytes += bytes;
      lineCounts[line.outputType]++;
    }
    const gzip = await encodePage(texts.join('\n'));
    const lastSeq = offset + start + texts.length;
    yield { firstSeq: offset + start + 1, lastSeq, gzip, content: { rawBytes, lineCounts } };
    start += texts.length;
  }
}

/** The maximum number of pages written in one transaction. */
const PAGES_AT_ONCE = 32;

/** Groups the pages into batches that are each written in one transaction. */
export async function* inBatches(pages: AsyncIterable<MadePage>): AsyncGenerator<MadePage[]> {
  let batch: MadePage[] = [];
  for await (const page of pages) {
    batch.push(page);
    if (batch.length < PAGES_AT_ONCE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
