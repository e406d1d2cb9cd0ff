/** How far the hive's heap may grow from one full collection to the next. */
import { setFlagsFromString } from 'node:v8';

/**
 * To be called once, before the hive opens. Else V8 starts a full collection when heap and buffers together have grown by
 * 10 to 30 % of what the last one left, some 25 MiB: less than the 32 MiB of young buffers (kMaxSemiSpaceSize) at which it
 * would collect just those. Pages that are pulled are such buffers, and four times a second the whole heap was marked for
 * them, which took a third of a backfill's time (docs/scaling.md).
 */
export function letHeapDouble(): void {
  setFlagsFromString('--heap-growing-percent=100');
}
