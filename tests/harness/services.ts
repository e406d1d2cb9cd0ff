/** The servers that this test run started. */
export interface TestServices {
  /** Of the server's database `postgres`, as its superuser. */
  databaseUrl: string;
  /** A migrated, empty database to copy; never connect to it. */
  template: string;
  /** host:port; namespace `default`. */
  temporalAddress: string;
  temporalUiUrl: string;
}

/**
 * Where the servers of this test run are.
 * @throws Error where the run has none
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
