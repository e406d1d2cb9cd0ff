/** Resolves when the process is asked to stop: by a signal, or by the end of the process that started it over IPC. */
export function untilStopped(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(signal));
    process.on('disconnect', () => resolve('the parent process has gone'));
  });
}
