"""What titles and headings say of figures beside their unit: that they are sums since January, or imports."""
