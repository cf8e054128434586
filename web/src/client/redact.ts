/** The URL without its secrets: query values and userinfo become `***`, names stay. */
export function redact(url: string): string {
  return url
    .replace(/\/\/[^/?#]*@/, '//***@')
    .replace(/\?[^#]*/, (query) => query.replace(/=[^&]*/g, '=***'));
}
