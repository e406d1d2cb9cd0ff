/** Starts work on the next items while the earlier ones are waited for. */

/**
 * @param max how many items are in work at once. It begins with one, so that the first result does not wait for the
 * items after it.
 * @returns the results in the order of the items
 */
export async function* ahead<T, R>(
  items: AsyncIterator<T>,
  max: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const running: Promise<R>[] = [];
  let isOver = false;
  for (let size = 1; ; size = Math.min(size + 1, max)) {
    while (!isOver && running.length < size) {
      const next = await items.next();
      if (next.done) isOver = true;
      else {
        const result = work(next.value);
        result.catch(() => undefined); // thrown when its turn comes; after the end, nobody asks
        running.push(result);
      }
    }
    const first = running.shift();
    if (!first) return;
    yield await first;
  }
}
