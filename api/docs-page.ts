/** The OpenAPI document as one page of plain HTML, without scripts or anything from other hosts. */
import type { OpenApiDocument } from './openapi.js';

interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: unknown[];
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
}
interface Content {
  schema?: Schema;
}
interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  security?: unknown[];
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[];
  requestBody?: { content: Record<string, Content> };
  responses: Record<string, { description: string; content?: Record<string, Content> }>;
}

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2024 }
  h2 { margin-top: 2.5rem; border-bottom: 1px solid #d8dce0 } h2::first-letter { text-transform: uppercase }
  details { border: 1px solid #d8dce0; border-radius: 6px; margin: .5rem 0; padding: .5rem .75rem }
  summary { cursor: pointer } code { font-size: .9em } table { border-collapse: collapse; width: 100% }
  td { padding: .15rem .75rem .15rem 0; vertical-align: top } td:first-child { white-space: nowrap }
  .method { display: inline-block; width: 4.5em; font-weight: 600; text-transform: uppercase } .soft { color: #60646c }
  @media (prefers-color-scheme: dark) { body { background: #111113; color: #edeef0 } a { color: #70b8ff } }`;

/** @param link where the document is, seen from the page */
export function docsPage(document: OpenApiDocument, link: string): string {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Record<string, Operation>).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(operations.map(({ operation }) => operation.tags[0] ?? ''))];
  const schemas = Object.entries((document.components?.schemas ?? {}) as Record<string, Schema>);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(document.info.title)} API</title><style>${STYLE}</style>
<h1>${escape(document.info.title)} API</h1>
<p>${escape(document.info.description ?? '')} This page shows <a href="${escape(link)}">the OpenAPI 3.1 document</a>.
Send <code>Authorization: Bearer</code> with an API token (<code>hive token create</code>).</p>
${tags
  .map(
    (tag) =>
      `<h2>${escape(tag)}</h2>${operations
        .filter(({ operation }) => operation.tags[0] === tag)
        .map(({ path, method, operation }) => operationHtml(path, method, operation))
        .join('')}`,
  )
  .join('')}
<h2>schemas</h2>${schemas.map(([name, schema]) => schemaHtml(name, schema)).join('')}</html>`;
}

function operationHtml(path: string, method: string, operation: Operation): string {
  const parameters = operation.parameters ?? [];
  const body = operation.requestBody?.content['application/json']?.schema;
  return `<details id="${escape(operation.operationId)}"><summary><span class="method">${escape(method)}</span>
<code>${escape(path)}</code> <span class="soft">${escape(operation.summary)}</span></summary>
<p>${escape(operation.description ?? '')}</p>
${table(parameters.map(({ name, in: where, required, schema }) => [`<code>${escape(name)}</code> <span class="soft">${escape(where)}${required ? ', required' : ''}</span>`, typeHtml(schema), escape(schema.description ?? '')]))}
${body ? `<p>Body: ${typeHtml(body)}</p>` : ''}
${table(Object.entries(operation.responses).map(([status, { description, content }]) => [`<code>${escape(status)}</code>`, contentHtml(content), escape(description)]))}
</details>`;
}

function schemaHtml(name: string, { description, properties = {}, required = [] }: Schema): string {
  const rows = Object.entries(properties).map(([property, schema]) => [
    `<code>${escape(property)}</code>${required.includes(property) ? '' : ' <span class="soft">optional</span>'}`,
    typeHtml(schema),
    escape(schema.description ?? ''),
  ]);
  return `<details id="schema-${escape(name)}"><summary><code>${escape(name)}</code> <span class="soft">${escape(description ?? '')}</span></summary>${table(rows)}</details>`;
}

function contentHtml(content: Record<string, Content> = {}): string {
  return Object.entries(content)
    .map(([type, { schema }]) => (schema?.$ref || schema?.items ? typeHtml(schema) : `<code>${escape(type)}</code>`))
    .join(', ');
}

function typeHtml(schema: Schema): string {
  if (schema.$ref) {
    const name = escape(schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1));
    return `<a href="#schema-${name}">${name}</a>`;
  }
  if (schema.items) return `list of ${typeHtml(schema.items)}`;
  if (schema.enum) return schema.enum.map((value) => `<code>${escape(String(value))}</code>`).join(' | ');
  const types = [schema.type ?? 'any'].flat().join(' or ');
  return escape(schema.format ? `${types} (${schema.format})` : types);
}

function table(rows: string[][]): string {
  const cells = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`);
  return `<table>${cells.join('')}</table>`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
