/** Stops the servers of the test run and waits until they are gone. */
export default async function globalTeardown(): Promise<void> {
  const child = globalThis.hivesyncTestServices;
  if (child?.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  const exited = new Promise((resolve) => child.once('exit', resolve));
  if (child.connected) child.disconnect();
  await exited;
}
