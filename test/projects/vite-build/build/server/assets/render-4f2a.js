export const render = (title) => `<h1>${title}</h1>`
