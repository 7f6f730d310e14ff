import { useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import './style.css'

function Shop() {
  const [products, setProducts] = useState([])
  useEffect(() => {
    fetch('/api/products')
      .then((response) => response.json())
      .then(setProducts)
  }, [])
  return (
    <ul>
      {products.map(({ name, price }) => (
        <li key={name}>
          {name}: {price}
        </li>
      ))}
    </ul>
  )
}

createRoot(document.getElementById('root')).render(<Shop />)
