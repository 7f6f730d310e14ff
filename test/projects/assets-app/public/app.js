const pictures = await (await fetch('/api/pictures')).json()
document.body.textContent = `${pictures.length} pictures`
