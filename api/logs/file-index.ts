/**
 * What this process has learnt about the files that it made of logs: how large they are, and from where in the log their
 * bytes come. Both follow from the text of the lines alone, so that a file has to be made once before a part of it can
 * be; one that was cut off has been made up to there.
 */
import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import { FILE_START, type FilePart, type FilePlace } from './log-file.js';

const MAX_FILES = 500;
/** A file has a place after each part that is so large; in a longer one they are further apart. */
const MAX_PLACES = 256;
const MIN_DISTANCE = 512 * 1024;
/** Files that are measured at the same time; to make one costs a core. */
const MEASURED_AT_ONCE = 2;

interface KnownFile {
  total: number | undefined;
  /** By their offsets. */
  places: FilePlace[];
  /** Between two places, at least. */
  distance: number;
}

export class FileIndex {
  readonly #files = new LRUCache<string, KnownFile>({ max: MAX_FILES });
  readonly #measuring = pLimit(MEASURED_AT_ONCE);

  /** @param etag names the file @returns the last known place at or before the offset */
  placeBefore(etag: string, offset: number): FilePlace {
    return this.#files.get(etag)?.places.findLast((place) => place.offset <= offset) ?? FILE_START;
  }

  /** Passes the parts on, and remembers where they are. */
  async *remember(etag: string, parts: AsyncIterable<FilePart>): AsyncGenerator<FilePart> {
    for await (const part of parts) {
      this.#add(etag, part);
      yield part;
    }
  }

  /**
   * @param makeFrom makes the rest of the file
   * @returns the size of the whole file
   * @throws what making it throws, or the reason of `gone`
   */
  async total(
    etag: string,
    makeFrom: (place: FilePlace) => AsyncIterable<FilePart>,
    gone: AbortSignal,
  ): Promise<number> {
    return (
      this.#files.get(etag)?.total ??
      this.#measuring(async () => {
        const known = this.#files.get(etag)?.total; // somebody else may have measured it meanwhile
        if (known !== undefined) return known;
        for await (const { total } of this.remember(etag, makeFrom(this.placeBefore(etag, Infinity)))) {
          gone.throwIfAborted();
          if (total !== undefined) return total;
        }
        throw new Error('a file came to no end');
      })
    );
  }

  #add(etag: string, { place, total }: FilePart): void {
    const file = this.#files.get(etag) ?? { total: undefined, places: [], distance: MIN_DISTANCE };
    this.#files.set(etag, file);
    file.total ??= total;
    if (!place || place.offset < (file.places.at(-1)?.offset ?? 0) + file.distance) return;
    file.places.push(place);
    if (file.places.length <= MAX_PLACES) return;
    file.places = file.places.filter((_, index) => index % 2 === 1);
    file.distance *= 2;
  }
}
