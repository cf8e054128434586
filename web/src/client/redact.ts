/** The URL without its secrets: query values and userinfo become `***`, names stay; what has no name is a value. */
export function redact(url: string): string {
  return url
    .replace(/\/\/[^/?#]*@/, '//***@')
    .replace(/\?[^#]*/, (query) => query.replace(/([?&][^=&]*=|[?&](?=[^&]))[^&]*/g, '$1***'));
}
