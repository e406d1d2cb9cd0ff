/** The servers that this test run started. */
export interface TestServices {
  /** Address of the server's database `postgres`, as its superuser. */
  databaseUrl: string;
  /** A migrated, empty database to copy. Never connect to it. */
  template: string;
  /** host:port; the namespace is `default`. */
  temporalAddress: string;
  temporalUiUrl: string;
}

/**
 * Reads where the servers of this test run are.
 * @throws Error if the run has none
 */
export function testServices(): TestServices {
  return {
    databaseUrl: variable('HIVESYNC_TEST_DATABASE_URL'),
    template: variable('HIVESYNC_TEST_DATABASE_TEMPLATE'),
    temporalAddress: variable('HIVESYNC_TEST_TEMPORAL_ADDRESS'),
    temporalUiUrl: variable('HIVESYNC_TEST_TEMPORAL_UI_URL'),
  };
}

function variable(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the test through Jest, without HIVESYNC_TEST_SERVICES=none`);
  return value;
}
