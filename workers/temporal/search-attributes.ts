import type { Client } from '@temporalio/client';
import proto, { type temporal } from '@temporalio/proto';
import { searchAttributes } from '../../backfills/definitions.js';

/**
 * The namespace lacks search attributes and the hive may not add them. Workers must not start: their tasks would fail
 * forever.
 */
export class SearchAttributesMissingError extends Error {
  override readonly name = 'SearchAttributesMissingError';
  readonly code = 'search_attributes_missing';
  constructor(namespace: string, missing: string[], reason: string) {
    const commands = missing.map((name) => `--name ${name} --type Keyword`).join(' ');
    super(
      `namespace ${namespace} lacks the search attributes ${missing.join(', ')} and refuses to add them (${reason}); ` +
        `run: temporal operator search-attribute create --namespace ${namespace} ${commands}`,
    );
  }
}

/**
 * Makes sure that the namespace has the search attributes of our workflows.
 * @returns the names of those that it lacked, and that have been added
 * @throws SearchAttributesMissingError
 */
export async function ensureSearchAttributes(client: Client, namespace: string): Promise<string[]> {
  const { operatorService } = client.connection as unknown as WithOperatorService;
  const known = await operatorService.listSearchAttributes({ namespace });
  const missing = Object.values(searchAttributes)
    .map((key) => key.name)
    .filter((name) => !(name in known.customAttributes));
  if (missing.length === 0) return [];
  try {
    await operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(
        missing.map((name) => [name, proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD]),
      ),
    });
  } catch (error) {
    throw new SearchAttributesMissingError(namespace, missing, error instanceof Error ? error.message : String(error));
  }
  return missing;
}

interface WithOperatorService {
  operatorService: temporal.api.operatorservice.v1.OperatorService;
}
