/** `limpet/elements`: the status of the connection as custom elements. Importing it has no effect. */
export { defineElements, type LimpetElement } from './elements/widgets';
export { LABELS, type Labels } from './status/status';
