// Preloaded into a program under test (with --expose-gc): on SIGUSR2 it collects garbage and reports what is left.
process.on('SIGUSR2', () => {
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, external, rss } = process.memoryUsage();
  process.send?.({ liveMiB: (heapUsed + external) / 2 ** 20, residentMiB: rss / 2 ** 20 });
});
